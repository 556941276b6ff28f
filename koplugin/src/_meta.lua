-- A plugin that is turned off has no texts of its own: then only this file is run.
local has_own_texts, own_texts = pcall(require, "tomesync/gettext")
local _ = has_own_texts and own_texts or require("gettext")

return {
    fullname = _("Tome"),
    description = _([[Keeps your place in every book and your reading statistics on your own Tome server.]]),
}
