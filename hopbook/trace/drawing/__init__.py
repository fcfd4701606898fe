"""The picture of a trace: what is shown (`story`, `labels`), where (`chart`, `sheet`) and how it looks."""
