"""What needs numeric libraries: many positions judged at once, allocated, substituted, counted.

Needs numpy, and HiGHS for the cheapest allocation (`pip install lockstep[collateral]`). Values and rules are those of
`domain.collateral`; what is decided here in floating point is only an order or a first guess, and every amount that
leaves is counted again in whole numbers.
"""
