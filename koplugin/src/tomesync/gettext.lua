--- The plugin's texts in KOReader's language: `_("text")`, `_.ngettext("one", "many", count)`, `_.pgettext("context",
-- "text")`. What our catalogues lack is left to KOReader's own, and in the end stays English.

local catalogues = require("tomesync/catalogues")
local koreader = require("gettext")

--- "de" serves "de_DE" and "de_AT.utf8" too.
local function catalogue_of(language)
    if type(language) ~= "string" then
        return nil
    end
    return catalogues[language:match("^%a+_%a+")] or catalogues[language:match("^%a+")]
end

-- KOReader takes another language after a restart only, so it is looked up once. Where none was chosen in its menu,
-- KOReader itself goes by the environment.
local language = G_reader_settings and G_reader_settings:readSetting("language") or koreader.current_lang
local catalogue = catalogue_of(language)
local texts = catalogue and catalogue.texts or {}

-- As in a compiled catalogue of gettext's.
local CONTEXT_END = "\4"

local gettext = {}

function gettext.ngettext(singular, plural, count)
    local forms = texts[singular]
    if type(forms) ~= "table" then
        return koreader.ngettext(singular, plural, count)
    end
    return forms[catalogue.form(count)]
end

function gettext.pgettext(context, text)
    return texts[context .. CONTEXT_END .. text] or koreader.pgettext(context, text)
end

return setmetatable(gettext, {
    __call = function(_self, text)
        local translated = texts[text]
        -- A text may stand alone in one place and be the singular in another.
        if type(translated) == "table" then
            return translated[catalogue.form(1)]
        end
        return translated or koreader(text)
    end,
})
