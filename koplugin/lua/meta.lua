local _ = require("gettext")

return {
    fullname = _("Tome"),
    description = _([[Keeps your place in every book and your reading statistics on your own Tome server.]]),
}
