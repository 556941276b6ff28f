return setmetatable({
    ngettext = function(one, many, count)
        return count == 1 and one or many
    end,
}, {
    __call = function(_self, text)
        return text
    end,
})
