"""A day of collateral and repo played from a folder of files, for `lockstep demo collateral`. Read in this order:

files (what the folder says), desk (everybody's hands), pledges, calls and repos (what steps do), steps (by which word).
"""
