"""Contracts, fakes and small servers to test a product against: public, documented, and used by this project."""
