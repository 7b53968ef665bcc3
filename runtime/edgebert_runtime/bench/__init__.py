"""How fast a bundle's variants are on this machine, and which settings suit it."""
