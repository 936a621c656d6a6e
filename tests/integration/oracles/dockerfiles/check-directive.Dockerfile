# check=skip=JSONArgsRecommended;error=true
# escape=`
FROM alpine `
  AS base
CMD echo hi
