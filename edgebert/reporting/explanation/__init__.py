"""The page that shows an explanation: the text by attribution, and the maps of attention."""
