return require("ui/widget/container/widgetcontainer"):extend {}
