return setmetatable({
    current_lang = G_reader_settings:readSetting("language") or "C",
    ngettext = function(one, many, count)
        return count == 1 and one or many
    end,
    pgettext = function(_context, text)
        return text
    end,
    npgettext = function(_context, one, many, count)
        return count == 1 and one or many
    end,
}, {
    __call = function(_self, text)
        return text
    end,
})
