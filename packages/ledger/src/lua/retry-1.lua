-- Makes failed nodes ready or waiting again, and opens their images. ARGV: images; none: all.
retry(ARGV, #ARGV == 0)
return progress()
