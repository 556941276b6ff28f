local UIManager = require("ui/uimanager")
local Window = require("window")

--- A list that has the whole screen.
local Menu = Window:extend { kind = "Menu", title = "", covers_fullscreen = true }

function Menu:init()
    self.item_table = self.item_table or {}
    self.item_table_stack = {}
    self.page = 1
    local menu = self
    self.title_bar = {
        setTitle = function(_self, title)
            menu.title = title
        end,
        setSubTitle = function(_self, subtitle)
            menu.subtitle = subtitle
        end,
        setLeftIcon = function(_self, icon)
            menu.title_bar_left_icon = icon
        end,
    }
end

function Menu:lines()
    local lines = {}
    for index, item in ipairs(self.item_table) do
        lines[index] = { text = item.text_func and item.text_func() or item.text or "", item = item }
    end
    return lines
end

function Menu:switchItemTable(new_title, new_item_table, itemnumber, _itemmatch, new_subtitle)
    if new_item_table then
        self.item_table = new_item_table
    end
    self.title = new_title or self.title
    self.subtitle = new_subtitle or self.subtitle
    self.itemnumber = itemnumber
    self:updateItems(1)
end

function Menu:updateItems() end

function Menu:updatePageInfo() end

function Menu:setTitleBarLeftIcon(icon)
    self.title_bar_left_icon = icon
end

function Menu:onMenuChoice(item)
    if item.callback then
        item.callback()
    end
    return true
end

function Menu:onMenuSelect(item)
    if item.sub_item_table then
        self.item_table.title = self.title
        table.insert(self.item_table_stack, self.item_table)
        self:switchItemTable(item.text, item.sub_item_table)
        return true
    end
    if item.select_enabled == false or (item.select_enabled_func and not item.select_enabled_func()) then
        return true
    end
    self:onMenuChoice(item)
    if self.close_callback then
        self.close_callback()
    end
    return true
end

function Menu:onMenuHold(_item)
    return true
end

function Menu:onLeftButtonTap() end

function Menu:onLeftButtonHold() end

function Menu:onClose()
    if #self.item_table_stack == 0 then
        return self:onCloseAllMenus()
    end
    local outer = table.remove(self.item_table_stack)
    self:switchItemTable(outer.title, outer)
    return true
end

function Menu:onCloseAllMenus()
    UIManager:close(self)
    if self.close_callback then
        self.close_callback()
    end
    return true
end

return Menu
