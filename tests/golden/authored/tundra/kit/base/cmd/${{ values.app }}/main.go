package main

// ${{ values.app.split('-')[0] }} of ${{ values.owner }}
func main() { println("${{ values.env }}") }
