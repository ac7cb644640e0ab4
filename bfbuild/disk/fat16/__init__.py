"""FAT16, as in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103, cited as [fatgen]).

volume.py   geometry, boot sector, 32-byte entries: the bytes, with no idea of files
names.py    which names are legal, their short forms and their long-name entries
writer.py   a set of files -> a volume; deterministic
reader.py   a volume -> its files; shares no code with the rest, so that it can contradict it; trusts nothing
"""
