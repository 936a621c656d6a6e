FROM alpine
RUN cat <<EOF > /etc/app.conf && chmod 600 /etc/app.conf
FROM hidden:1
RUN nothing
EOF
RUN python3 - <<'PY' | tee /log
print("<<EOF")
PY
USER app
