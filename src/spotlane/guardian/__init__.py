"""The process that cancels every open order when the bot that it watches is gone. See docs/dead-man.md."""
