"""`doctor`: asks every dependency and looks at every setting, at once, and says what to do."""
