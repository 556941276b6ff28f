-- What plugins tell each other.

return { pause_auto_suspend = false }
