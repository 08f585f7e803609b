"""How does the outside world come in? One file per kind of source."""
