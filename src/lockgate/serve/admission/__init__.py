"""Who may ask, what, and how much: decided before a byte of the body is read, and again by its rows."""
