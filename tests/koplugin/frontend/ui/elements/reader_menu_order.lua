return {
    ["KOMenu:menu_buttons"] = { "navi", "typeset", "setting", "tools", "search", "filemanager", "main" },
    navi = { "table_of_contents", "bookmarks", "go_to" },
    typeset = { "set_render_style", "style_tweaks" },
    setting = { "frontlight", "night_mode", "network", "screen" },
    network = { "network_wifi", "network_proxy", "ssh" },
    tools = {
        "read_timer", "calibre", "exporter", "statistics", "progress_sync", "cloudstorage", "move_to_archive",
        "wallabag", "news_downloader", "text_editor", "profiles", "qrclipboard", "----------------------------",
        "more_tools",
    },
    more_tools = { "auto_frontlight", "battery_statistics", "plugin_management", "advanced_settings" },
    search = { "dictionary_lookup", "wikipedia_lookup", "fulltext_search", "opds" },
    filemanager = {},
    main = { "history", "favorites", "collections", "help", "exit_menu" },
}
