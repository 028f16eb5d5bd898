"""Every sentence of the log, in English and in Thai, side by side: a key has both or it is not there.

Names of the control plane's words (statuses, reasons, actions, SQL) are data and stay as they are in both.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Language(StrEnum):
    """The languages of the log."""

    EN = "en"
    TH = "th"


WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": ("Executor: test result log", "บันทึกผลการทดสอบ Executor"),
        "yes": ("yes", "ใช่"),
        "no": ("no", "ไม่ใช่"),
        "none": ("none", "ไม่มี"),
        # --- sections
        "section.run": ("Run information", "ข้อมูลการทดสอบ"),
        "section.environment": ("Environment", "ข้อมูลสภาพแวดล้อม"),
        "section.checklist": ("Pre-test checklist", "รายการตรวจสอบก่อนทดสอบ"),
        "section.results": ("Results", "ตารางผลการทดสอบ"),
        "section.cases": ("The cases in detail", "รายละเอียดแต่ละกรณีทดสอบ"),
        "section.summary": ("Summary", "สรุปผล"),
        "section.blockers": ("Blockers", "รายการที่ขัดขวางการอนุมัติ (Blockers)"),
        "section.decision": ("Decision", "การตัดสินใจ"),
        "section.failed": ("Failed cases: cause, impact, action", "กรณีที่ไม่ผ่าน: สาเหตุ ผลกระทบ และการแก้ไข"),
        "section.issues": ("Issues and observations", "ปัญหาและข้อสังเกต"),
        "section.cleanup": ("Clean-up", "การล้างข้อมูลหลังทดสอบ"),
        "section.sign_off": ("Sign-off", "การลงนามรับรอง"),
        # --- run and environment
        "run.id": ("Acceptance id", "รหัสการทดสอบ"),
        "run.started": ("Started", "เริ่มเมื่อ"),
        "run.ended": ("Ended", "สิ้นสุดเมื่อ"),
        "run.duration": ("Duration", "ระยะเวลา"),
        "run.tester": ("Tester", "ผู้ทดสอบ"),
        "run.cases": ("Cases", "กรณีที่ทดสอบ"),
        "run.command": ("Command", "คำสั่งที่ใช้"),
        "env.server": ("MySQL version", "รุ่นของ MySQL"),
        "env.api": ("API", "API"),
        "env.agent": ("Executor version", "รุ่นของ Executor"),
        "env.database": ("Database", "ฐานข้อมูล"),
        "env.os": ("Operating system", "ระบบปฏิบัติการ"),
        "env.windows": ("Metrics windows", "ช่วงเวลาเก็บ metrics"),
        "env.windows_value": (
            "{baseline} before, {after} after the build (production: 5m or 30m)",
            "{baseline} ก่อนสร้างดัชนี และ {after} หลังสร้างดัชนี (ระบบจริงใช้ 5m หรือ 30m)",
        ),
        "env.exposure": ("Exposure of a new index", "วิธีเปิดใช้ดัชนีใหม่"),
        "env.relay": ("Relay", "ตัวส่งต่อ (relay)"),
        "env.relay_value": (
            "every call of the executor went through a local relay in front of the API, which passed it on unchanged "
            "and wrote it down; it makes the faults of TC-09, which no API can be told to make",
            "ทุกคำขอของ Executor ผ่าน relay ในเครื่องซึ่งอยู่หน้า API โดย relay ส่งต่อคำขอโดยไม่แก้ไขและบันทึกไว้ "
            "ส่วนความผิดพลาดใน TC-09 ซึ่งสั่งให้ API สร้างเองไม่ได้ relay เป็นผู้สร้างขึ้น",
        ),
        "env.records": ("Control plane's records", "บันทึกของ control plane"),
        "env.records_db": ("read from its database", "อ่านจากฐานข้อมูลโดยตรง"),
        "env.records_api": (
            "the API's own answers, as the relay wrote them down (no --api-db was given)",
            "ใช้คำตอบของ API ตามที่ relay บันทึกไว้ (ไม่ได้ระบุ --api-db)",
        ),
        # --- tables
        "head.item": ("Item", "รายการ"),
        "head.state": ("State", "สถานะ"),
        "head.seen": ("What was seen", "สิ่งที่พบ"),
        "head.case": ("Case", "กรณีทดสอบ"),
        "head.name": ("Name", "ชื่อ"),
        "head.priority": ("Priority", "ความสำคัญ"),
        "head.result": ("Result", "ผล"),
        "head.time": ("Time", "เวลา"),
        "head.field": ("Field", "สิ่งที่ตรวจ"),
        "head.expected": ("Expected", "ผลที่คาดหวัง"),
        "head.actual": ("Actual", "ผลที่ได้จริง"),
        "head.what": ("What", "เหตุการณ์"),
        "head.run": ("Run", "Run"),
        "head.baseline": ("Baseline window", "ช่วงก่อนสร้างดัชนี (baseline)"),
        "head.after": ("After window", "ช่วงหลังสร้างดัชนี (after)"),
        "head.count": ("Count", "จำนวน"),
        "head.passed": ("Passed", "ผ่าน"),
        "head.total": ("Total", "ทั้งหมด"),
        "head.share": ("Share", "ร้อยละ"),
        "head.cause": ("Cause", "สาเหตุ"),
        "head.impact": ("Impact", "ผลกระทบ"),
        "head.action": ("Action", "การแก้ไข"),
        "head.thing": ("What", "รายการ"),
        "head.done": ("State", "สถานะ"),
        "head.role": ("Role", "บทบาท"),
        "head.signer": ("Name", "ชื่อ"),
        "head.signature": ("Signature", "ลายมือชื่อ"),
        "head.date": ("Date", "วันที่"),
        # --- the checklist
        "item.api": ("1. The API can be reached", "1. เชื่อมต่อ API ได้"),
        "item.mysql": ("2. MySQL is ready", "2. MySQL พร้อมใช้งาน"),
        "item.table": ("3. The table test_orders is there", "3. มีตาราง test_orders"),
        "item.environment": ("4. The environment is right", "4. สภาพแวดล้อมถูกต้อง"),
        "item.log_level": ("5. The log level is DEBUG", "5. ระดับ log เป็น DEBUG"),
        "item.kill_switch": ("6. The kill switch is off", "6. Kill switch ปิดอยู่"),
        "item.left_over": ("7. No run is left over", "7. ไม่มี run ค้างอยู่"),
        "item.workers": ("8. The workers are ready", "8. Worker พร้อมทำงาน"),
        "seen.error": ("{error}", "{error}"),
        "seen.api": ("{url} answers as it must", "{url} ตอบถูกต้องตามข้อกำหนด"),
        "seen.mysql": ("version {version} at {url}", "รุ่น {version} ที่ {url}"),
        "seen.table": (
            "made in the schema {schema}, {rows} rows",
            "สร้างในสคีมา {schema} จำนวน {rows} แถว",
        ),
        "seen.table_set_aside": (
            "made in the schema {schema}, {rows} rows; the table of that name that was there is set aside as "
            "test_orders_set_aside and comes back at the end",
            "สร้างในสคีมา {schema} จำนวน {rows} แถว ส่วนตารางชื่อเดียวกันที่มีอยู่เดิมถูกเปลี่ยนชื่อเป็น "
            "test_orders_set_aside ชั่วคราว และจะคืนชื่อเดิมเมื่อจบ",
        ),
        "seen.environment": (
            "the schema {schema} is the cases' own, the server takes changes and counts statements",
            "สคีมา {schema} ใช้สำหรับการทดสอบนี้เท่านั้น เซิร์ฟเวอร์รับการเปลี่ยนแปลงและนับสถิติคำสั่ง SQL",
        ),
        "seen.log_level": (
            "set for every executor under test (EXECUTOR_LOG_LEVEL=DEBUG)",
            "ตั้งค่าให้ Executor ทุกตัวที่ทดสอบแล้ว (EXECUTOR_LOG_LEVEL=DEBUG)",
        ),
        "seen.switch_on": ("on: {switches}; turn it off first", "เปิดอยู่: {switches} กรุณาปิดก่อน"),
        "seen.switch_off": (
            "off, globally and for every connection of the cases",
            "ปิดอยู่ทั้งระดับ global และทุก connection ที่ใช้ทดสอบ",
        ),
        "seen.runs_needed": (
            "this API has the six calls alone, so its runs can be neither listed nor made: it must hold as scheduled, "
            "claimed by nobody: {runs}",
            "API นี้มีเพียงหกคำสั่งพื้นฐาน จึงแสดงรายการหรือสร้าง run ไม่ได้ API ต้องมี run ต่อไปนี้ในสถานะ SCHEDULED "
            "และยังไม่มี worker ใด claim: {runs}",
        ),
        "seen.left_over": (
            "left over from an acceptance that was broken off, ended now: {runs}",
            "พบ run ค้างจากการทดสอบที่หยุดกลางคัน และปิดให้แล้ว: {runs}",
        ),
        "seen.none_left": ("none", "ไม่มี"),
        "seen.workers": ("{version}, started as processes of their own", "{version} เริ่มทำงานเป็นโพรเซสแยก"),
        # --- fields
        "field.exit_code": ("exit code of the executor", "exit code ของ Executor"),
        "field.status": ("status, by the executor", "สถานะที่ Executor รายงาน"),
        "field.fail_reason": ("fail_reason, by the executor", "fail_reason ที่ Executor รายงาน"),
        "field.api_status": ("status told to the API and accepted", "สถานะที่แจ้ง API และ API ตอบรับ"),
        "field.api_fail_reason": ("fail_reason told to the API", "fail_reason ที่แจ้ง API"),
        "field.record_status": ("status on the control plane's record", "สถานะในบันทึกของ control plane"),
        "field.record_fail_reason": (
            "fail_reason on the control plane's record",
            "fail_reason ในบันทึกของ control plane",
        ),
        "field.claim_answers": ("answers to the two claims", "คำตอบของ API ต่อการ claim ทั้งสองครั้ง"),
        "field.loser_exit_code": ("exit code of the worker that was refused", "exit code ของ worker ที่ claim ไม่ได้"),
        "field.claim_failed_audited": ("audit entries claim_failed", "จำนวนรายการ audit claim_failed"),
        "field.executions": ("indexes added (audit entries index_added)", "จำนวนครั้งที่เพิ่มดัชนี (audit index_added)"),
        "field.index_there": ("the index is there afterwards", "มีดัชนีอยู่หลังจบกรณีทดสอบ"),
        "field.index_made": ("the index was there when the switch was turned on", "มีดัชนีอยู่แล้วขณะเปิด kill switch"),
        "field.index_columns": (
            "columns of the index that was there before",
            "คอลัมน์ของดัชนีที่มีอยู่ก่อนแล้ว (ต้องไม่เปลี่ยน)",
        ),
        "field.kill_switch_seen": (
            "kill switch seen (audit entry kill_switch_engaged)",
            "ตรวจพบ kill switch (audit kill_switch_engaged)",
        ),
        "field.online_refused": (
            "the server refused LOCK=NONE (error 1846 or its like)",
            "เซิร์ฟเวอร์ปฏิเสธ LOCK=NONE (error 1846 หรือประเภทเดียวกัน)",
        ),
        "field.message_told": ("the message was told to the API", "แจ้งข้อความให้ API แล้ว"),
        "field.name_taken": ("error 1061 recorded", "บันทึก error 1061 แล้ว"),
        "field.rollback_records": ("rollback records", "จำนวนบันทึก rollback"),
        "field.rollback_status": ("status of the rollback record", "สถานะของบันทึก rollback"),
        "field.rollback_type": ("type of the rollback record", "ชนิดของบันทึก rollback"),
        "field.rollback_reason": ("trigger_reason of the rollback record", "trigger_reason ของบันทึก rollback"),
        "field.rollback_failed_audited": ("audit entry rollback_failed", "มีรายการ audit rollback_failed"),
        "field.verification": ("verdict of the verification", "ผลการตรวจสอบ (verification)"),
        "field.few_samples": ("fewer than 10 samples", "จำนวนตัวอย่างน้อยกว่า 10"),
        "field.says_inconclusive": ("the message says inconclusive", "ข้อความระบุว่า inconclusive"),
        "field.worker_killed": ("how worker 1 ended (-9: SIGKILL)", "worker 1 จบการทำงานอย่างไร (-9: SIGKILL)"),
        "field.claimed_by": ("the last worker that was granted the claim", "worker ตัวสุดท้ายที่ claim ได้"),
        # --- the cases
        "about.TC-01": (
            "Two workers claim one run at the same time. One may have it; the other must touch nothing.",
            "Worker สองตัว claim run เดียวกันพร้อมกัน ต้องมีเพียงตัวเดียวที่ได้ run และอีกตัวต้องไม่แตะต้องสิ่งใด",
        ),
        "about.TC-02": (
            "The kill switch is on before the run begins. No index may be made.",
            "เปิด kill switch ก่อนเริ่ม run ต้องไม่มีการสร้างดัชนี",
        ),
        "about.TC-03": (
            "The kill switch is turned on as soon as the index was added. It must be taken back.",
            "เปิด kill switch ทันทีที่เพิ่มดัชนีเสร็จ ระบบต้องถอนดัชนีนั้นออก",
        ),
        "about.TC-04": (
            "The server can't build this index without a lock. Nothing stronger may be tried.",
            "เซิร์ฟเวอร์สร้างดัชนีนี้โดยไม่ล็อกตารางไม่ได้ ระบบต้องไม่ลองใช้ล็อกระดับที่เข้มงวดกว่า",
        ),
        "about.TC-05": (
            "An index of that name is there already. It must be left alone.",
            "มีดัชนีชื่อนี้อยู่แล้ว ระบบต้องยกเลิกและไม่แตะต้องดัชนีเดิม",
        ),
        "about.TC-06": (
            "The index makes a query slower. That must be seen, and the index taken back.",
            "ดัชนีทำให้คำสั่ง SQL ช้าลง ระบบต้องตรวจพบและถอนดัชนีออก",
        ),
        "about.TC-07": (
            "As TC-06, but the index can't be dropped. The run must say so and leave word for a person.",
            "เหมือน TC-06 แต่ลบดัชนีไม่สำเร็จ ระบบต้องรายงานและแจ้งให้คนดำเนินการต่อ",
        ),
        "about.TC-08": (
            "The query is executed too rarely to be judged. The index stays and nothing is rolled back.",
            "คำสั่ง SQL ถูกเรียกน้อยเกินกว่าจะตัดสินได้ ดัชนีต้องคงอยู่และไม่มีการ rollback",
        ),
        "about.TC-09": (
            "The kill switch can't be read: an answer 500, no answer, no connection. Each counts as on.",
            "อ่าน kill switch ไม่ได้ ทั้งกรณีตอบ 500 ไม่ตอบภายในเวลา และเชื่อมต่อไม่ได้ ทุกกรณีต้องถือว่า kill switch เปิดอยู่",
        ),
        "about.TC-10": (
            "Worker 1 is killed when the index is there. Its lease ends; worker 2 finishes the run.",
            "Worker 1 ถูกบังคับปิด (SIGKILL) ขณะที่มีดัชนีแล้ว เมื่อ lease หมดอายุ worker 2 ต้อง claim และทำ run ต่อจนจบ",
        ),
        "impact.TC-01": ("Two workers may change one table at once.", "Worker สองตัวอาจเปลี่ยนแปลงตารางเดียวกันพร้อมกัน"),
        "impact.TC-02": (
            "The emergency stop does not stop: no canary run may begin.",
            "การหยุดฉุกเฉินใช้ไม่ได้ ห้ามเริ่ม canary run",
        ),
        "impact.TC-03": (
            "After a stop an index stays that nobody watches.",
            "หลังสั่งหยุดยังมีดัชนีค้างอยู่โดยไม่มีผู้เฝ้าดู",
        ),
        "impact.TC-04": ("A table may be locked in production.", "ตารางในระบบจริงอาจถูกล็อก"),
        "impact.TC-05": ("An index of somebody else may be changed or dropped.", "ดัชนีของผู้อื่นอาจถูกเปลี่ยนหรือถูกลบ"),
        "impact.TC-06": ("An index that does harm stays in production.", "ดัชนีที่ทำให้ระบบแย่ลงจะคงอยู่ในระบบจริง"),
        "impact.TC-07": (
            "An index that should be gone stays, and nobody is told.",
            "ดัชนีที่ควรถูกลบยังอยู่ โดยไม่มีใครทราบ",
        ),
        "impact.TC-08": (
            "A good index may be taken back, or a verdict given that nothing supports.",
            "ดัชนีที่ดีอาจถูกถอน หรือมีการตัดสินโดยไม่มีข้อมูลรองรับ",
        ),
        "impact.TC-09": (
            "With the API down, the executor would act without a yes: no canary run may begin.",
            "เมื่อ API ล่ม Executor จะทำงานโดยไม่ได้รับอนุญาต ห้ามเริ่ม canary run",
        ),
        "impact.TC-10": ("A run stays unfinished after a crash.", "Run จะค้างไม่จบหลัง worker ล่ม"),
        "action.TC-01": (
            "See that the API grants a claim to one worker only and answers 409 to the other; then the logs of both.",
            "ตรวจว่า API ให้ claim แก่ worker เพียงตัวเดียวและตอบ 409 แก่อีกตัว จากนั้นดู log ของทั้งสองตัว",
        ),
        "action.TC-02": (
            "See that GET /api/kill-switch shows what POST /api/kill-switch has set, for this connection.",
            "ตรวจว่า GET /api/kill-switch คืนค่าตามที่ตั้งด้วย POST /api/kill-switch สำหรับ connection นี้",
        ),
        "action.TC-03": (
            "Look in the log of the run for the reading of the switch after index_added, and for the drop.",
            "ดู log ของ run ว่าอ่าน kill switch หลัง index_added หรือไม่ และลบดัชนีหรือไม่",
        ),
        "action.TC-04": (
            "Look at the statement that was executed: it must say ALGORITHM=INPLACE, LOCK=NONE.",
            "ตรวจคำสั่งที่รันจริง ต้องมี ALGORITHM=INPLACE, LOCK=NONE",
        ),
        "action.TC-05": (
            "Compare the index with what it was; drop nothing before that.",
            "เทียบดัชนีกับของเดิมก่อน ห้ามลบสิ่งใดจนกว่าจะตรวจเสร็จ",
        ),
        "action.TC-06": (
            "Repeat with a longer --window; then reach the verdict again with executor verify on the evidence kept.",
            "ทดสอบซ้ำด้วย --window ที่ยาวขึ้น แล้วใช้ executor verify กับหลักฐานที่เก็บไว้เพื่อตัดสินใหม่",
        ),
        "action.TC-07": (
            "See that the API took the rollback record and the audit entry rollback_failed.",
            "ตรวจว่า API รับบันทึก rollback และรายการ audit rollback_failed แล้ว",
        ),
        "action.TC-08": (
            "Look at the sample count in the evidence kept.",
            "ดูจำนวนตัวอย่างในหลักฐานที่เก็บไว้",
        ),
        "action.TC-09": (
            "Look in the log which answer was taken for off. Don't use this version before that is found.",
            "ดู log ว่าคำตอบใดถูกตีความว่าปิด ห้ามใช้รุ่นนี้จนกว่าจะพบสาเหตุ",
        ),
        "action.TC-10": (
            "See how long the API's lease is and that it is granted again; look at the table for an index with the "
            "marker of the run.",
            "ตรวจว่า lease ของ API นานเท่าใดและให้ claim ใหม่ได้หรือไม่ แล้วดูว่าตารางมีดัชนีที่มีเครื่องหมายของ run นี้หรือไม่",
        ),
        # --- observations
        "note.workers": (
            "{winner} had the run; {loser} was answered {answer} and changed nothing.",
            "{winner} ได้ run ส่วน {loser} ได้รับคำตอบ {answer} และไม่ได้เปลี่ยนแปลงสิ่งใด",
        ),
        "note.comparison": (
            "Changes against the baseline: average latency {latency}, rows examined {rows}, more full scans: {scans}; "
            "{samples} samples.",
            "การเปลี่ยนแปลงเทียบกับ baseline: latency เฉลี่ย {latency} จำนวนแถวที่ตรวจ {rows} full scan เพิ่มขึ้น: {scans} "
            "จาก {samples} ตัวอย่าง",
        ),
        "note.drop_blocked": (
            "The drop was made to fail by a transaction that was left open on {table}.",
            "ทำให้การลบดัชนีล้มเหลวโดยเปิดทรานแซกชันค้างไว้บน {table}",
        ),
        "note.samples": ("Samples in the after window: {samples}.", "จำนวนตัวอย่างในช่วง after: {samples}"),
        "note.fault_500": (
            "{run_id}: the relay answered 500 to every reading of the kill switch.",
            "{run_id}: relay ตอบ 500 ทุกครั้งที่อ่าน kill switch",
        ),
        "note.fault_timeout": (
            "{run_id}: the relay left every reading of the kill switch without an answer.",
            "{run_id}: relay ไม่ตอบทุกครั้งที่อ่าน kill switch จนหมดเวลา",
        ),
        "note.fault_refused": (
            "{run_id}: once the claim was granted, the relay did not listen for some seconds: connection refused.",
            "{run_id}: หลังให้ claim แล้ว relay หยุดรับการเชื่อมต่อหลายวินาที จึงเชื่อมต่อไม่ได้ (connection refused)",
        ),
        "note.index_found": (
            "Worker 2 found the index that worker 1 had made, and adopted it ({actions}).",
            "Worker 2 พบดัชนีที่ worker 1 สร้างไว้ และรับช่วงต่อ ({actions})",
        ),
        "note.index_not_found": (
            "Worker 2 did not find an index of worker 1 ({actions}).",
            "Worker 2 ไม่พบดัชนีของ worker 1 ({actions})",
        ),
        "note.lease_waited": (
            "Worker 2 was granted the claim {seconds} s after worker 1 was killed, at its attempt {attempts}. It had "
            "none of worker 1's state, as on another machine.",
            "Worker 2 claim ได้หลังจาก worker 1 ถูกบังคับปิด {seconds} วินาที ในความพยายามครั้งที่ {attempts} โดยไม่มีข้อมูลสถานะ"
            "ของ worker 1 เสมือนอยู่คนละเครื่อง",
        ),
        # --- one case
        "case.run_ids": ("Runs", "รหัส run"),
        "case.times": ("Began and ended", "เริ่มและสิ้นสุด"),
        "case.checks": ("Expected and actual", "ผลที่คาดหวังและผลที่ได้จริง"),
        "case.steps": ("Course of events", "ลำดับเหตุการณ์"),
        "case.windows": ("Metrics window", "ช่วงเวลาเก็บ metrics"),
        "case.no_window": ("No verdict was reached, so there is no window.", "ไม่มีการตัดสิน จึงไม่มีช่วงเวลาเก็บ metrics"),
        "case.messages": ("What the executor said", "ข้อความจาก Executor"),
        "case.proofs": ("Verification: the question and its answer", "การยืนยัน: คำสั่งที่ใช้ถามและผลที่ได้"),
        "case.no_rows": ("no rows", "ไม่มีข้อมูล"),
        "case.observations": ("Observations and notes", "ข้อสังเกตและหมายเหตุ"),
        "case.error": ("It could not run: {error}", "ทดสอบไม่ได้: {error}"),
        "case.not_selected": ("Not selected for this run.", "ไม่ได้เลือกทดสอบในรอบนี้"),
        "where.target": ("On the target", "บนฐานข้อมูลเป้าหมาย"),
        "where.control plane": ("In the control plane's database", "ในฐานข้อมูลของ control plane"),
        "where.API": ("What the API was told and answered", "สิ่งที่แจ้ง API และคำตอบของ API"),
        # --- summary and decision
        "summary.passed": ("Passed", "ผ่าน"),
        "summary.failed": ("Failed", "ไม่ผ่าน"),
        "summary.not_run": ("Could not run", "ทดสอบไม่ได้"),
        "summary.not_selected": ("Not selected", "ไม่ได้เลือก"),
        "summary.total": ("Total", "ทั้งหมด"),
        "blockers.p0": ("P0: every one must pass", "P0: ต้องผ่านทุกกรณี"),
        "blockers.p1": ("P1: at least 80 % must pass", "P1: ต้องผ่านอย่างน้อย 80 %"),
        "decision.APPROVED": (
            "Every P0 case passed, and at least 80 % of the P1 cases. A canary run on production may begin.",
            "กรณี P0 ผ่านทั้งหมด และกรณี P1 ผ่านอย่างน้อย 80 % อนุมัติให้เริ่ม canary run บนระบบจริง",
        ),
        "decision.CONDITIONAL": (
            "Every P0 case passed, but fewer than 80 % of the P1 cases. A person has to decide.",
            "กรณี P0 ผ่านทั้งหมด แต่กรณี P1 ผ่านไม่ถึง 80 % ต้องให้ผู้รับผิดชอบตัดสินใจ",
        ),
        "decision.BLOCKED": (
            "Not every P0 case passed. No canary run may begin.",
            "กรณี P0 ไม่ผ่านครบทุกกรณี ห้ามเริ่ม canary run",
        ),
        "failed.none": ("No case failed.", "ไม่มีกรณีที่ไม่ผ่าน"),
        "failed.cause": ("{field}: expected {expected}, was {actual}", "{field}: คาดหวัง {expected} แต่ได้ {actual}"),
        "issues.none": ("None.", "ไม่มี"),
        "issues.windows": (
            "The metrics windows were shorter than in production ({window}): verdicts on production have more samples.",
            "ช่วงเวลาเก็บ metrics สั้นกว่าระบบจริง ({window}) การตัดสินบนระบบจริงจะมีตัวอย่างมากกว่านี้",
        ),
        "issues.embedded": (
            "The reference control plane was used, not the API of production.",
            "ใช้ control plane อ้างอิง ไม่ใช่ API ของระบบจริง",
        ),
        "issues.low_priority": (
            "{case} did not pass. It does not weigh in the decision, but should be looked at before the canary run.",
            "{case} ไม่ผ่าน แม้ไม่มีผลต่อการตัดสินใจ แต่ควรตรวจสอบก่อนเริ่ม canary run",
        ),
        "issues.to_confirm": ("To be confirmed by a person: {item}: {seen}", "ต้องให้ผู้ทดสอบยืนยัน: {item}: {seen}"),
        # --- clean-up
        "cleanup.indexes": ("Indexes idx_tc… and the table test_orders", "ดัชนี idx_tc… และตาราง test_orders"),
        "cleanup.indexes_done": (
            "dropped, in the schema {schema}",
            "ลบแล้ว ในสคีมา {schema}",
        ),
        "cleanup.switches": ("Kill switches of the cases", "Kill switch ที่ใช้ทดสอบ"),
        "cleanup.switches_done": ("turned off", "ปิดแล้ว"),
        "cleanup.runs": ("Runs test-tc… and their records", "Run test-tc… และบันทึกที่เกี่ยวข้อง"),
        "cleanup.runs_embedded": ("gone with the reference control plane", "ถูกลบไปพร้อมกับ control plane อ้างอิง"),
        "cleanup.runs_left": (
            "every run has ended; the API has no call to delete them, so they stay for the audit. To delete: "
            "DELETE FROM execution_runs WHERE id LIKE 'test-tc%' (likewise execution_claims and rollbacks by "
            "execution_run_id, audit_logs by resource_id)",
            "ทุก run สิ้นสุดแล้ว แต่ API ไม่มีคำสั่งลบ จึงเก็บไว้เพื่อการตรวจสอบ หากต้องการลบ: "
            "DELETE FROM execution_runs WHERE id LIKE 'test-tc%' (รวมถึง execution_claims และ rollbacks ตาม "
            "execution_run_id และ audit_logs ตาม resource_id)",
        ),
        "cleanup.logs": ("Logs and evidence", "Log และหลักฐาน"),
        "cleanup.logs_done": ("kept beside this log, in {folder}", "เก็บไว้ข้างไฟล์นี้ ในโฟลเดอร์ {folder}"),
        # --- sign-off
        "sign.tester": ("Tester", "ผู้ทดสอบ"),
        "sign.reviewer": ("Reviewer", "ผู้ตรวจทาน"),
        "sign.approver": ("Approver", "ผู้อนุมัติ"),
    }
)


class Words:
    """The catalogue in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = 0 if language is Language.EN else 1

    def __call__(self, key: str, /, **values: object) -> str:
        """Return the sentence of `key`, filled in. A key that is not there is a bug: `KeyError`."""
        return WORDS[key][self._column].format_map(values)
