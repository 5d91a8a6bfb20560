"""Each book read into the lines that reconciliation compares: the chain, the RTGS, the service's own records.

Read in this order: said (what a book answers with), service_book, rtgs_book, chain_book. None of them compares, and
none asks another book what it should say. Which settlements a run is about is told by `scope`.
"""
