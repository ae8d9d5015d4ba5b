"""How long a whole series takes to be analysed, beside what must be waited for and computed."""
