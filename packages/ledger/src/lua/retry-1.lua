-- Makes failed nodes ready or waiting again, and opens their images. ARGV: images; none: all.
F.retry(ARGV, #ARGV == 0)
return F.progress()
