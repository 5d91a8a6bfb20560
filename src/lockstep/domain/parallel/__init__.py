"""A legacy book and Lockstep side by side, until Lockstep is trusted with a security. Read in this order:

pairs (a trade as both books have it), scorecards (a security's day in figures, and several days together), scoring
(how a day's figures are found), gates (what must hold before a security may go on, as data), gate_text (the file that
says so), stages (where each security is, and who moved it there). How the books were compared is in
`domain.reconciliation`; who reads and stores is an adapter.
"""
