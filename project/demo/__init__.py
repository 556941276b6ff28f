"""What `tome demo` makes: a small library and a year of reading in it, to look at."""
