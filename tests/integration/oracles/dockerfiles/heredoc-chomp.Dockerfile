FROM alpine
RUN <<-EOT sh
	echo tabs
		echo more
	EOT
RUN echo done
