"""Many requests at once and for long: throughput by connections, and what memory they take."""
