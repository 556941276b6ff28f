local InputDialog = require("ui/widget/inputdialog")

local MultiInputDialog = InputDialog:extend { kind = "MultiInputDialog" }

function MultiInputDialog:init()
    self.texts = {}
    for index, field in ipairs(self.fields) do
        self.texts[index] = tostring(field.text or "")
    end
end

function MultiInputDialog:getFields()
    local texts = {}
    for index, text in ipairs(self.texts) do
        texts[index] = text
    end
    return texts
end

MultiInputDialog.texts_of_inputs = MultiInputDialog.getFields

function MultiInputDialog:type(text, index)
    assert(self.texts[index], "there is no such field")
    self.texts[index] = text
end

return MultiInputDialog
