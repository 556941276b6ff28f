--- Lists on the whole screen.

local Menu = require("ui/widget/menu")
local UIManager = require("ui/uimanager")

local guard = require("tomesync/guard")

local lists = {}

-- KOReader draws it in every font of its own.
lists.IS_HERE = "✓"

--- A line of a list. `note` stands at its end.
function lists.item(text, note, action)
    return { text = text, mandatory = note, callback = guard(action) }
end

--- Show a list, which stays until it is closed. Answers its window.
function lists.show(title, items)
    local window = Menu:new({
        title = title,
        item_table = items,
        is_borderless = true,
        is_popout = false,
        covers_fullscreen = true,
        title_bar_fm_style = true,
    })
    UIManager:show(window)
    return window
end

return lists
