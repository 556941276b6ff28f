local WidgetContainer = require("ui/widget/container/widgetcontainer")

return WidgetContainer:extend{ kind = "InfoMessage", text = "" }
