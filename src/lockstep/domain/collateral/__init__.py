"""What may be given as collateral, what it is worth, and how much of it. Read in this order:

assets, criteria, schedules (a schedule judges an asset), documents (schedules as JSON), valuation, concentration,
allocation. The margin that is called for is in `domain.margin` and `domain.margin_call`, interest in `domain.accrual`.
"""
