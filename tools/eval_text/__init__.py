"""How much of burned-in text the gate's detector finds, and how often it sees text in none."""
