/* From options to what the parts of the server are told. */
#include "server/settings.h"

#include <hubbub/clock.h>
#include <hubbub/log.h>

struct settings hub_settings(const struct config *c)
{
    return (struct settings){
        .max_per_room = (uint32_t)c->max_per_room,
        .max_rooms = (uint32_t)c->max_rooms,
        .max_rooms_per_client = (uint32_t)c->max_rooms_per_client,
        .notice_limit = (uint32_t)c->notice_limit,
        .open_rooms = c->open_rooms,
        .rate_limits = c->rate_limits,
        .history_memory = (uint32_t)c->history_memory,
        .history_memory_bytes = c->history_memory_bytes,
        .retain_ms = c->retain_ns / NS_PER_MS,
        .retain_messages = (uint64_t)c->retain_messages,
        .edit_window_ms = c->edit_window_ns / NS_PER_MS,
        .delete_window_ms = c->delete_window_ns / NS_PER_MS,
        .operators = c->admin.item,
        .noperators = c->admin.n,
    };
}

struct http_settings http_settings(const struct config *c)
{
    return (struct http_settings){
        .web = c->web, .origins = c->origin.item, .norigins = c->origin.n};
}

struct limits_config limits_settings(const struct config *c)
{
    return (struct limits_config){
        .enabled = c->rate_limits,
        .message_burst = (uint32_t)c->message_burst,
        .message_rate = (uint32_t)c->message_rate,
        .messages_per_minute = (uint32_t)c->messages_per_minute,
        .joins_per_minute = (uint32_t)c->joins_per_minute,
        .creates_per_hour = (uint32_t)c->creates_per_hour,
        .moderation_per_minute = (uint32_t)c->moderation_per_minute,
        .history_per_minute = (uint32_t)c->history_per_minute,
        .connections_per_address = (uint32_t)c->connections_per_address,
        .connections_per_user = (uint32_t)c->connections_per_user,
    };
}

struct retention retention_settings(const struct config *c)
{
    return (struct retention){
        .age_ms = c->retain_ns / NS_PER_MS,
        .per_room = (uint64_t)c->retain_messages,
        .bytes = c->retain_bytes,
    };
}

struct identity_config identity_settings(const struct config *c)
{
    return (struct identity_config){
        .directory = config_keeps(c) ? c->data : NULL,
        .mode = (enum auth_mode)c->auth,
        .alg = c->auth_alg,
        .keys = c->auth_key.item,
        .nkeys = c->auth_key.n,
        .jwks = c->auth_jwks,
        .issuer = c->auth_issuer,
        .audience = c->auth_audience,
    };
}

void configure_log(const struct config *c)
{
    log_configure((enum log_level)c->log_level, (enum log_format)c->log);
}
