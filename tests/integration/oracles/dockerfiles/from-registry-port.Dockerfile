FROM localhost:5000/team/base:v1.2.3 AS a
FROM registry.internal.example.com:8443/a/b/c AS b
FROM 127.0.0.1:5000/x
COPY --from=[::1]:5000/y:z /a /b
