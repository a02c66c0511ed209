/* The configuration as each part wants it. Pure functions: what they return borrows from the struct config. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include <hubbub/client.h>
#include <hubbub/config.h>
#include <hubbub/http.h>
#include <hubbub/identity.h>
#include <hubbub/limits.h>
#include <hubbub/settings.h>
#include <hubbub/store.h>

struct settings hub_settings(const struct config *c); /* not for settings_free() */
struct http_settings http_settings(const struct config *c);
struct limits_config limits_settings(const struct config *c);
struct retention retention_settings(const struct config *c);
struct identity_config identity_settings(const struct config *c);
void configure_log(const struct config *c);

#endif
