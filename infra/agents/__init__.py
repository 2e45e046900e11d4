"""The agents that can work, and the one launcher that starts them. The table of them is `table.AGENTS`."""
