"""Videos of all kinds: are all frames used, with the file's own times, as fast as before?"""
