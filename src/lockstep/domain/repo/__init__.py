"""A repo: sale of securities and their repurchase, in the words of the GMRA 2011. Read in this order:

pricing (what is paid), terms (what was agreed), life (its states and moves), fails (what a late close comes to).
"""
