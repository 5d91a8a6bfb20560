"""Each book read into the lines that reconciliation compares: the chain, the RTGS, the service's records, a legacy one.

Read in this order: said (what a book answers with), scope (which trades a run is about), chain_book, rtgs_book,
service_book (whose cash rests on the RTGS's opening balance, and says so), legacy_book, sources. None of them compares.
"""
