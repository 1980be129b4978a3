"""The command line: thin commands over the public interface. Needs the `cli` extra."""
