"""Which operating points to measure next, so that a plan rests on less guessing."""
