

   FROM    alpine:3     AS    base   
	RUN	echo	tabs	
COPY     a     b      /c/     
 	 # comment after spaces and a tab
   ENTRYPOINT    [ "a" ,"b"   ]   
