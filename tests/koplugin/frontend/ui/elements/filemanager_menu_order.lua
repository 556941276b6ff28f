return {
    ["KOMenu:menu_buttons"] = { "filemanager_settings", "setting", "tools", "search", "main" },
    filemanager_settings = { "filemanager_display_mode", "sort_by" },
    setting = { "frontlight", "night_mode", "network", "screen" },
    network = { "network_wifi", "network_proxy", "ssh" },
    tools = {
        "read_timer", "calibre", "exporter", "statistics", "cloudstorage", "move_to_archive", "wallabag",
        "news_downloader", "text_editor", "profiles", "qrclipboard", "----------------------------", "more_tools",
    },
    more_tools = { "auto_frontlight", "battery_statistics", "plugin_management", "advanced_settings" },
    search = { "dictionary_lookup", "wikipedia_lookup", "file_search", "opds" },
    main = { "history", "favorites", "collections", "help", "exit_menu" },
}
