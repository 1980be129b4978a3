"""What is made of the results: targets and whether they are met, tables, plots, one page."""
