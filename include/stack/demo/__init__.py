"""``make demo``: send the sample studies through a stack of their own and judge what comes out."""
