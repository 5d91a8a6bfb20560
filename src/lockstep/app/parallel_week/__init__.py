"""A parallel week from a folder. Read in this order: files (what the folder says), book (the legacy system's book
beside a mirror), people (what they do about breaks), judging (what was found against what is planted)."""
