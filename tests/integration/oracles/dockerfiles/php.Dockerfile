#syntax=docker/dockerfile:1.4
FROM dunglas/frankenphp:1-php8.3 AS frankenphp_upstream
FROM composer/composer:2-bin AS composer_upstream

FROM frankenphp_upstream AS frankenphp_base
# hadolint ignore=DL3008
RUN set -eux; \
	install-php-extensions \
		apcu \
		intl \
	;
COPY --from=composer_upstream --link /composer /usr/bin/composer
COPY --link --chmod=755 frankenphp/docker-entrypoint.sh /usr/local/bin/docker-entrypoint
HEALTHCHECK --start-period=60s CMD curl -f http://localhost:2019/metrics || exit 1
CMD [ "frankenphp", "run", "--config", "/etc/caddy/Caddyfile" ]
