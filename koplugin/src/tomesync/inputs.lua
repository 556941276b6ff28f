--- Asks the reader for a line of text.

local InputDialog = require("ui/widget/inputdialog")
local UIManager = require("ui/uimanager")

local _ = require("tomesync/gettext")
local asking = require("tomesync/asking")
local guard = require("tomesync/guard")

local inputs = {}

--- `given`: title, description, input (what stands there), hint, ok_text, and take(text), which answers a sentence if
--- the text cannot be taken; then the reader can mend it.
function inputs.ask(given)
    local dialog
    dialog = InputDialog:new({
        title = given.title,
        description = given.description,
        input = given.input,
        input_hint = given.hint,
        buttons = {
            {
                {
                    text = _("Cancel"),
                    id = "close",
                    callback = guard(function()
                        UIManager:close(dialog)
                    end),
                },
                {
                    text = given.ok_text or _("Save"),
                    is_enter_default = true,
                    callback = guard(function()
                        local refusal = given.take(dialog:getInputText() or "")
                        if refusal then
                            asking.say(refusal)
                        else
                            UIManager:close(dialog)
                        end
                    end),
                },
            },
        },
    })
    UIManager:show(dialog)
    dialog:onShowKeyboard()
end

return inputs
