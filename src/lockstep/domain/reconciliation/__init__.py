"""Books that should agree, and where they do not. Read in this order:

books (who says what of which key), rules (who is compared, and what is tolerated), differences (what was found, and
why it may be so), people (which names are one person's), breaks (a difference that people work on, from its opening to
its end), corrections (what somebody proposes to be put right, and a second person decides). The comparison is in
`flow.comparing`, the keeping of breaks in `flow.reconciling`, days in `domain.target_calendar`.
"""
