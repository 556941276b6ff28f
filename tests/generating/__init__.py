"""Made-up libraries of any size, the same again for the same seed: as descriptions, and as real small files.

What stands in them is of our own making; how it is mixed is how libraries are: novels, manga and light novels in series
of one to some hundred volumes, single books, equal titles by different people, titles within titles, short ones, ones
with numbers in them and ones too long for a file name, in several scripts.
"""
