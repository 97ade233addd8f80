from app.embedded.supervisor import up

if __name__ == "__main__":
    up()
